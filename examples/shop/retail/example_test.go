package retail_test

import (
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/examples/shop/retail"
)

func ExampleFile_Parts() {
	file, err := retail.Open(strings.NewReader(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,"WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536365,84406B,CREAM CUPID HEARTS COAT HANGER,8,2010-12-01 08:26:00,2.75,17850.0,United Kingdom
C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527.0,United Kingdom
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for item, err := range file.Parts() {
		switch {
		case err != nil:
			fmt.Println(err)
		case item.Reject != nil:
			fmt.Printf("line %d: %s\n", item.Reject.Line, item.Reject.Reason)
		default:
			fmt.Println(item.Part.CommitID(), "to user", item.Part.User)
			for _, l := range item.Part.Lines {
				fmt.Println(" ", l.Quantity, l.ProductID, l.Amount(), l.Returned)
			}
		}
	}
	// Output:
	// line 3: column 3 has a quote that is not closed on its line
	// invoice-536365-1 to user 17850
	//   6 85123A 15.30 false
	//   8 84406B 22.00 false
	// invoice-C536379-1 to user 14527
	//   1 D 27.50 true
}
